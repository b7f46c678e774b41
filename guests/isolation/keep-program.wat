;; Says 1 when its memory, table and global are as at the beginning, 0 when not; then fills all of them, and ends as it is told.
;; Promise: nothing of it is there in the next call, whoever's that is.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 128)
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
  (func $say (param $byte i32)
    (i32.store8 (i32.const 64) (local.get $byte)) (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  ;; The first character of the input is how to end, the second what to fill with.
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 128)) (i32.store (i32.const 4) (i32.const 64))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $say (i32.add (i32.const 48) (call $keep (i32.load8_u (i32.const 129)))))
    (call $end (i32.sub (i32.load8_u (i32.const 128)) (i32.const 48)))))
