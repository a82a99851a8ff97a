"""``make bench``: speed and memory on the lab, in ratios against a peer in the same run.

Machines differ and are noisy, so that a figure alone says little. Each measurement runs the product
and its peer by turns, and the median of the ratios, pair by pair, is what ``docs/benchmarks.md``
quotes.
"""
