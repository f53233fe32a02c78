"""How gunicorn serves the function: in the image, and wherever docs/development.md starts it."""

import gc
import resource
import sys

# A thread for whoever has sent a whole head, and for nobody else.
worker_class = "function.worker.Worker"
# One process: alerts wait for the cluster, and a second process would double the memory.
workers = 1
# Only the worker loads the function: a master that has it, too, takes 2 MiB more.
preload_app = False
# 64 notifications at once, 32 senders that part, and room for the health probes. Threads are made
# when needed.
threads = 112
# Each is a file that is open; gunicorn ends where it can open none.
worker_connections = 800
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
# Seconds for the next byte of a head, or the next request.
keepalive = 5
# The function ends what takes too long; gunicorn would end the whole process.
timeout = 0
graceful_timeout = 30
# It lies on the file system, which is read-only.
control_socket_disable = True

# While modules are loaded much is made, and nearly no cycles: to look for them as often as
# Python does takes a tenth of a cold start.
gc.set_threshold(50_000)

# With PYTHON_LAZY_IMPORTS=all, from Python 3.15 on, a module is loaded when it is first used.
# flask reads one of its own as an attribute, which nobody then has loaded.
if hasattr(sys, "set_lazy_imports_filter"):
    sys.set_lazy_imports_filter(lambda importer, name, fromlist: importer != "flask")
