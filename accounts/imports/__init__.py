"""Files of accounts and contacts on their way in: read, mapped, checked, written.

reading: bytes to rows · words: cells to values · mapping: columns to fields · checking: rows to decisions ·
writing: decisions to the database · running: the job · services and queries: what pages call.
"""
