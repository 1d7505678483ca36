"""Images of clients: from a URL in a message to the bytes of a picture that can be decoded.

1. ``data_url`` takes a ``data:`` URL apart; ``fetch`` gets an ``https:`` one, where the operator
   allows it.
2. ``formats`` tells by the first bytes what a file is; what a client declares counts for nothing.
3. ``check`` refuses what no model should see: too large by the header, before a pixel is decoded;
   cut up to be slow (``pieces``); animated; cut off or damaged, by decoding it once.
4. ``reading`` is the door: ``Images.read``, which does the decoding beside the greenlets.

The law: nothing is decoded before its header is judged; every limit is a setting; every refusal is
an ``ImageRefused`` that says what to do, without the URL. The bytes go on as they came. Nothing
here knows requests, jobs or models.
"""
