"""A Heroku on this machine, for rehearsals and tests: `python -m emulator`.

It builds real tarballs, runs real processes and routes real requests, on one loopback port: the
Platform API, the addresses for uploads and output, and by their Host all the apps. Nothing of it is
Heroku's own code.

What it is not:

* There is no TLS (to the apps it looks as if it had ended at the router) and no WebSocket; one
  router and not many, and no network between router and dyno.
* Memory is looked at each 20 s, not limited by the kernel; there is no swap.
* The base image is this machine's, and so is Python's version; an app does not lie in /app. A
  process that knows a port of another can reach it, and all run as the same user.
* Installed packages lie in the slug and are linked into each dyno, not copied; the app's own files
are copied.
* Pipenv, Poetry, other buildpacks, containers and drains to elsewhere are missing: 501 says so.
  Webhooks, teams, domains of one's own and what else Heroku's schema has are as for an account
  without them: lists are empty, nothing is found, and to make one is forbidden (403).
"""
