;; Declares 4 GiB of memory. Promise: memory-exceeded before it has a byte.
(module (memory 65536) (func (export "run")))
