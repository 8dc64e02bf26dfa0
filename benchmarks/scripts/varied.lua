-- As browser.lua, but no two requests alike: target, cookie, referer and request identity differ.
-- 4,000 of them are written in advance, so that writing them costs nothing while we measure.
dofile("browser.lua")

local VARIANTS = 4000
local requests = {}
local sent = 0

local function noise()
  return math.random(2 ^ 31 - 1)
end

function init()
  math.randomseed(os.time())
  for number = 1, VARIANTS do
    wrk.headers["Cookie"] = string.format("sessionid=%08x%08x; csrftoken=%08x%08x; theme=dark", noise(), number, number, noise())
    wrk.headers["Referer"] = string.format("https://example.com/products?page=%d&sort=price", number)
    wrk.headers["X-Request-Id"] = string.format("%08x-%04x-%08x", noise(), number, noise())
    requests[number] = wrk.format("GET", string.format("/products/%d?utm_source=newsletter&ref=%x", number, noise()))
  end
end

function request()
  sent = sent % VARIANTS + 1
  return requests[sent]
end
