;; A program that imports nothing: what it wrote is nothing, and that is what it gives.
(module (func (export "_start")))
