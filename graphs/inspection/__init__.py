"""What the compiler did: every rewrite, what it did to the values, the cost and the code."""
