;; A component that returns 200 MB of text as UTF-16. Promise: output-exceeded, and the host never holds it in UTF-8.
(component
  (core module $m (memory (export "memory") 3200)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 100_000_000)) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "text" string) (result string)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
      string-encoding=utf16)))
