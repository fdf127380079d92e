"""Health and metrics over HTTP. Imported only by what serves: FastAPI takes half a second.

app      what is answered
gauges   what the store has to say, as gauges
server   one part of `serve`: listens until it is told to stop
"""
