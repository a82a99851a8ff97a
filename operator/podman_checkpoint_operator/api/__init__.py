"""What users write and read: models, conditions, reasons and names. No I/O.

The CRDs in ``crds/`` are the public contract; the models here agree with them, held by a test.
"""
