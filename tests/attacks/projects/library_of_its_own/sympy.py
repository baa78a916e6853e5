"""A library that torch loads late, with a function that raises what nobody expects."""

print("own sympy")
raise SystemExit(0)
