"""The node: one process per machine that keeps a worker process alive for each assigned model.

The law of this package: it imports neither Celery nor an inference library (``llama_cpp``,
``onnxruntime``), nor numpy. What everything else on the machine hangs on is to be small, and to
have next to nothing that can fail: models, brokers and drivers fail in other processes, or in a
thread of which the rest needs nothing. It decides nothing about which models are served where.
"""
