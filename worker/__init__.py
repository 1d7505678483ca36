"""The inference side: tickets in, tokens out.

The law of this package: it imports ``tasks`` and never ``app``. Inside it, ``worker.engine`` and
``worker.runtimes`` import neither Celery nor Redis (a runtime is driven and tested without
infrastructure), and each inference library has exactly one importing module family:
``llama_cpp`` in ``worker.runtimes.llama``, ``onnxruntime`` in ``worker.runtimes.onnx``.
"""
