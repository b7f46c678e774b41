;; Allocates the last four bytes of the address space. Promise: trap (invalid-abi), and the host writes nowhere.
(module (memory (export "memory") 1)
  (func (export "allocate") (param $size i32) (result i32) (i32.const -4))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32 i32) (result i32) (i32.const 16)))
