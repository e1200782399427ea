"""A Heroku on this machine, for rehearsals and tests: `python -m emulator`.

It builds real tarballs, runs real processes and routes real requests. One loopback port serves the
Platform API, the addresses for uploads and output and, by their Host, all apps. None of it is
Heroku's own code.

What differs from Heroku:

* There is no TLS (to the apps it looks as if it had ended at the router) and no WebSocket; there is
  one router, not many, and no network between router and dyno.
* Memory is measured each 20 s, not limited by the kernel; there is no swap.
* The base image is this machine's, and so is Python's version; an app is not in /app. A process can
  reach another's port, and all run as the same user.
* Installed packages stay in the slug and are linked into each dyno, not copied; the app's own files
  are copied.
* Pipenv, Poetry, other buildpacks, containers and drains to other machines are missing and answered
  with 501. Webhooks, teams, custom domains and the rest of Heroku's schema answer as for an account
  without them: lists are empty, nothing is found, and making one is forbidden (403).
"""
