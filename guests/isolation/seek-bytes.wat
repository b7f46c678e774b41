;; Looks through all the memory and table that it can get for anything at all, and says how much it found. Promise: nothing.
(module (memory (export "memory") 1)
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
  (global $next (mut i32) (i32.const 1024))
  (func (export "allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get $size))))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.store8 (i32.const 16) (call $digit (call $seek)))
    (i32.store (local.get $out) (i32.const 1)) (i32.const 16)))
