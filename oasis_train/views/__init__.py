"""What training shows of each function: texts as people ask and as code is found, and code-to-code pairs.

One idea per module: `queries` (how people put it), `rename` (the same code under other names), `twins`
(functions that do the same), `phrases` (words around a question), `stage` (the tables that training reads).
"""
