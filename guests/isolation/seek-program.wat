;; Looks through all the memory and table that it can get for anything at all, for arguments beside its own name, for environment
;; variables and for input, and says how much it found. Promise: nothing.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table $t 1 funcref)
  ;; Grows memory and table as far as they go, and counts the words and elements above the first page that are not empty.
  (func $seek (result i32) (local $at i32) (local $end i32) (local $found i32)
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (drop (table.grow $t (ref.null func) (i32.const 5000)))
    (local.set $at (i32.const 65536))
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (loop $again
      (local.set $found (i32.add (local.get $found) (i64.ne (i64.load (local.get $at)) (i64.const 0))))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
    (local.set $at (i32.const 0))
    (loop $again
      (local.set $found (i32.add (local.get $found) (i32.eqz (ref.is_null (table.get $t (local.get $at))))))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (table.size $t))))
    (local.get $found))
  ;; One byte: 48 and what was found, at most 9.
  (func $digit (param $found i32) (result i32)
    (i32.add (i32.const 48) (select (local.get $found) (i32.const 9) (i32.lt_u (local.get $found) (i32.const 9)))))
  (func $say (param $byte i32)
    (i32.store8 (i32.const 64) (local.get $byte)) (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "_start") (local $found i32)
    (drop (call $args_sizes (i32.const 32) (i32.const 36)))
    (drop (call $environ_sizes (i32.const 40) (i32.const 44)))
    (i32.store (i32.const 0) (i32.const 128)) (i32.store (i32.const 4) (i32.const 64))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (local.set $found (i32.add (i32.sub (i32.load (i32.const 32)) (i32.const 1))
      (i32.add (i32.load (i32.const 40)) (i32.load (i32.const 16)))))
    (call $say (call $digit (i32.add (local.get $found) (call $seek))))))
