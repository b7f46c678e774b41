;; Declares a table of ten million elements, more than any pool has. Promise: memory-exceeded before it has one.
(module (table 10_000_000 funcref) (func (export "run")))
