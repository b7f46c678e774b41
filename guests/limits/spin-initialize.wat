;; Computes for ever in the function that sets up a reactor. Promise: limits cover `_initialize`.
(module (func (export "_initialize") (loop $again (br $again))) (func (export "run")))
