-- Request bodies of 1 MiB.
wrk.method = "POST"
wrk.path = "/upload"
wrk.body = string.rep("u", 1048576)
