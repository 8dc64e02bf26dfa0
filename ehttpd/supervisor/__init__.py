"""Worker processes: started, watched, replaced, and told what signals say.

The operator's room. One process, the supervisor, opens the listening sockets and starts the workers; each is a fresh
interpreter that is given the sockets, imports the application and serves. The supervisor never touches a connection.
"""
