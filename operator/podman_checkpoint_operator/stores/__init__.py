"""Where archives live; one module per kind of store.

A store makes an archive appear under its final name only when it is complete and durable.
"""
