"""The page: the only package, beside `app.py`, that imports gradio."""
