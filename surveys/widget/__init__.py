"""The survey inside a customer's own product: who the visitor is, what is shown to whom, and what comes back.

The browser's side is `source/`, built into `surveys/static/` by `build.py`.
"""
