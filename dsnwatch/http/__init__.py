"""The API under /v1, the pages for people, metrics and health: one FastAPI application.

`part.py` runs it in the daemon's loop; `app.py` puts it together; `access.py` says who is let in.
What is done to the store is done by the same functions as the commands do it, in a few threads.
"""
