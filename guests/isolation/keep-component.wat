;; Says 1 when its memory, table and global are as at the beginning, 0 when not; then fills all of them, and ends as it is told.
;; Promise: nothing of it is there in the next call, whoever's that is.
(component
  (core module $m (memory (export "memory") 128)
    (table $t 1000 funcref) (global $used (mut i64) (i64.const 0)) (func $f) (elem declare func $f)
    ;; Whether everything is as at the beginning; afterwards nothing is.
    (func $keep (param $byte i32) (result i32) (local $fresh i32)
      (local.set $fresh (i32.and
        (i64.eqz (i64.or (global.get $used) (i64.or (i64.load (i32.const 65536)) (i64.load (i32.const 8388600)))))
        (i32.and (ref.is_null (table.get $t (i32.const 0))) (ref.is_null (table.get $t (i32.const 999))))))
      (global.set $used (i64.const -1))
      (table.fill $t (i32.const 0) (ref.func $f) (i32.const 1000))
      (memory.fill (i32.const 65536) (local.get $byte) (i32.const 8323072))
      (local.get $fresh))
    ;; 0: go on. 1: trap. 2: compute for ever.
    (func $end (param $how i32)
      (if (i32.eq (local.get $how) (i32.const 1)) (then unreachable))
      (if (i32.eq (local.get $how) (i32.const 2)) (then (loop $again (br $again)))))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    ;; The first character of the text is how to end, the second what to fill with.
    (func (export "run") (param $at i32) (param $length i32) (result i32)
      (call $keep (i32.load8_u offset=1 (local.get $at))) (call $end (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
  (core instance $i (instantiate $m))
  (func (export "run") (param "text" string) (result u32)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
