"use strict";
(() => {
  const data = JSON.parse(document.getElementById("told").textContent);
  const { fields, charts, most } = data, height = 60;
  const points = data.points.map(values => Object.fromEntries(values.map((value, at) => [fields[at], value])));
  let before = data.told;
  const $ = id => document.getElementById(id);
  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const said = value => value >= 100 || value === Math.trunc(value) ? grouped.format(value) : value.toFixed(value >= 10 ? 1 : 2);
  const size = octets => {
    for (const unit of ["B", "KiB", "MiB"]) { if (octets < 1024) return `${octets.toFixed(0)} ${unit}`; octets /= 1024; }
    return `${octets.toFixed(1)} GiB`;
  };
  const duration = seconds => {
    let left = Math.trunc(seconds);
    const found = [];
    for (const [name, length] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
      const count = Math.trunc(left / length);
      left -= count * length;
      if (count || found.length) found.push(count + name);
    }
    return found.slice(0, 2).join(" ") || "0s";
  };
  const nice = value => {
    for (let top = 1; ; top *= 10) for (const step of [1, 2, 5]) if (top * step >= value) return top * step;
  };
  const sum = values => values.reduce((all, value) => all + value, 0);
  const count = (requests, kind) => requests ? sum(Object.values(requests.by_kind)
    .flatMap(classes => Object.entries(classes)).filter(([name]) => !kind || name === kind).map(([, number]) => number)) : 0;
  const quantile = (counts, share) => {
    let wanted = share * sum(counts), lower = 0;
    for (const [at, upper] of before.bounds.entries()) {
      if (counts[at] && wanted <= counts[at]) return lower + (upper - lower) * wanted / counts[at];
      wanted -= counts[at];
      lower = upper;
    }
    return sum(counts) ? lower : 0;
  };
  const rate = (now, then, seconds, kind) => Math.max(0, count(now, kind) - count(then, kind)) / seconds;

  const pointOf = (then, now) => {
    const seconds = now.taken - then.taken, later = now.total.requests, earlier = then.total && then.total.requests;
    const counts = later && earlier ? later.seconds.counts.map((value, at) => Math.max(0, value - earlier.seconds.counts[at])) : [];
    return {
      moment: now.taken, requests: rate(later, earlier, seconds), errors: rate(later, earlier, seconds, "5xx"),
      p50: quantile(counts, 0.5), p99: quantile(counts, 0.99), queued: now.total.queue.length,
      busy: now.total.threads.busy, connections: sum(Object.values(now.total.connections)),
    };
  };

  const pathOf = (values, top) => values.map((value, at) => `${most - values.length + at} ${(height - height * value / top).toFixed(1)}`).join("L");
  const draw = (chart, told) => {
    const card = $(`chart-${chart.lines[0]}`);
    const lines = chart.lines.map(name => points.map(point => point[name] * chart.scale));
    const top = nice(Math.max(0, ...lines.flat()));
    const last = lines.map(values => values.length ? values[values.length - 1] : 0);
    card.querySelector(".number span").textContent = said(last[0]);
    card.querySelector(".number small").textContent = chart.unit.replace("{max_threads}", told.max_threads);
    card.querySelector(".scale").textContent = said(top);
    card.querySelectorAll(".aside b").forEach((value, at) => { value.textContent = said(last[at]); });
    const group = card.querySelector("svg g");
    const kinds = chart.lines.map((name, at) => at === 0 ? "" : name === "errors" ? " bad" : " second");
    const shapes = lines.flatMap((values, at) => {
      if (!values.length) return [];
      const path = pathOf(values, top);
      const line = [`line${kinds[at]}`, `M${path}`];
      return at === 0 || kinds[at] === " bad" ? [line, [`area${kinds[at]}`, `M${most - values.length} ${height}L${path}V${height}Z`]] : [line];
    }).reverse();
    group.replaceChildren(...shapes.map(([kind, path]) => {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
      shape.setAttribute("class", kind);
      shape.setAttribute("d", path);
      return shape;
    }));
  };

  const row = cells => {
    const made = make("tr");
    made.append(...cells.map(([content, kind]) => {
      const cell = make("td", undefined, kind);
      cell.append(...[].concat(content));
      return cell;
    }));
    return made;
  };
  const workerRow = (worker, then) => {
    const { threads, process } = worker, seconds = then ? worker.taken - then.taken : 0;
    const meter = make("meter");
    Object.assign(meter, { min: 0, max: Math.max(1, threads.max), high: 0.85 * threads.max, value: threads.busy });
    const shown = value => seconds > 0 ? said(value()) : "–";
    return row([
      [worker.worker], [String(worker.pid)], [make("span", worker.state, `pill ${worker.state}`)],
      [[meter, `${threads.busy} / ${threads.alive} / ${threads.max}`]], [String(worker.queue.length), "right"],
      [shown(() => rate(worker.requests, then.requests, seconds)), "right"],
      [shown(() => rate(worker.requests, then.requests, seconds, "5xx")), "right"],
      [size(process.rss), "right"],
      [seconds > 0 ? `${said(Math.max(0, 100 * (process.cpu_seconds - then.process.cpu_seconds) / seconds))} %` : "–", "right"],
      [`${process.gc_seconds.toFixed(2)} s`, "right"], [duration(worker.taken - worker.started), "right"],
    ]);
  };
  const flightRow = flight => row([
    [`${flight.seconds.toFixed(2)} s`, "right"], [`${flight.method} ${flight.target}`, "long mono"], [flight.client],
    [`${flight.thread}/${flight.pid}`], [flight.where, "long mono"],
  ]);
  const counts = (where, entries) => $(where).replaceChildren(...entries.flatMap(([name, number]) =>
    [make("dt", name), make("dd", grouped.format(number), number ? "" : "zero")]));
  const mishaps = told => Object.entries({ parse_errors: "refused", rejected: "no room", timeouts: "timeout" }).flatMap(
    ([kind, word]) => Object.entries(told.total.mishaps[kind]).map(([why, number]) => [`${word}: ${why.replaceAll("_", " ")}`, number]));

  const show = (told, then) => {
    $("state").className = `pill ${told.state}`;
    $("state").textContent = told.ailment || told.state;
    $("fact-up").textContent = duration(told.uptime);
    $("fact-workers").textContent = `${told.booted_workers} of ${told.workers}`;
    charts.forEach(chart => draw(chart, told));
    const earlier = new Map(then.worker_status.map(worker => [worker.pid, worker]));
    $("workers").replaceChildren(...told.worker_status.map(worker => workerRow(worker, earlier.get(worker.pid))));
    const flights = told.requests.slice(0, 50).map(flightRow);
    const none = row([["No request is being served.", "none"]]);
    none.firstChild.colSpan = 5;
    $("flights").replaceChildren(...(flights.length ? flights : [none]));
    counts("connections", Object.entries(told.total.connections));
    const wrong = mishaps(told);
    counts("mishaps", wrong.length ? wrong : [["nothing", 0]]);
  };

  const poll = async () => {
    try {
      const answer = await fetch("stats.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const told = await answer.json();
      if (told.total && told.taken - before.taken > 0.5) {  // rates over less are noise
        points.push(pointOf(before, told));
        if (points.length > most) points.shift();
        show(told, before);
        before = told;
      }
      $("live").textContent = `live, ${new Date().toLocaleTimeString()}`;
    } catch {
      $("state").className = "pill away";
      $("state").textContent = "does not answer";
      $("live").textContent = "asking again";
    }
    setTimeout(poll, 1000);
  };
  if (before.total) show(before, { worker_status: data.earlier });
  setTimeout(poll, 1000);
})();
