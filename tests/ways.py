"""The ways in which mail leaves, by what an account's settings switch off.

All of them can be gone with the real servers of the tests, which announce PIPELINING and CHUNKING.
"""

WAYS = {"lock step": 'pipelining = "off"', "pipelined": 'chunking = "off"', "chunked": ""}
