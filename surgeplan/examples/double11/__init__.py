"""A synthetic e-commerce shop in China: 14 months of traffic with campaigns whose true effects are known.

It is made by this package from a seed and describes no real company. `truth` holds every effect that the generator
puts in; `docs/examples/double11.md` says the same for people.
"""
