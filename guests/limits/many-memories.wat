;; Has twelve memories of no bytes. Promise: there is a limit on how many as well.
(module (memory 0) (memory 0) (memory 0) (memory 0) (memory 0) (memory 0)
  (memory 0) (memory 0) (memory 0) (memory 0) (memory 0) (memory 0)
  (func (export "run")))
