;; What is put into every unit before WasmEdge runs it: Wasmill's side of the call.
;;
;; WasmEdge says what became of a call in words, on the same stream that the unit writes to. So this says it in records of 17 bytes
;; on stderr: a kind (one byte) and two numbers (eight bytes each, little endian). What the unit itself writes to stderr comes in
;; records as well, and it has no other way to stderr, so that no unit can write what looks like a record of ours.
;;
;;   1 started                        6 out of randomness
;;   2 grown: bytes, elements         7 abort: line, column
;;   3 exited: code, bytes            8 text of the abort: bytes that follow, which text
;;   4 ended: bytes                   9 broken C ABI: what, pointer and length
;;   5 too deep                      10 refused: what, how much there would have been
;;  12 stdout: bytes so far          11 output: bytes
;;                                   13 broken WASI: what
;;   0 log: bytes that follow
;;
;; A code that is 1 << 32 above what it was is one of the unit's start function.
;;
;; stdin begins with what the call may have; what the unit reads comes behind it.
;;
;; The globals that are exported, and what is imported from `unit`, are filled in where both are put together.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights"
    (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "unit" "start" (func $unit_start))
  (import "unit" "main" (func $unit_main))
  (import "unit" "allocate" (func $unit_allocate (param i32) (result i32)))
  (import "unit" "process" (func $unit_process (param i32 i32 i32) (result i32)))
  ;; The memory that WASI's functions work on: the unit's `memory`, or one of our own where the unit imports nothing.
  (import "unit" "wasi" (memory $wasi 1))
  ;; The memory of the C ABI.
  (import "unit" "memory" (memory $unit 1))
  ;; Ours: what stood in the window (64 bytes), what was put aside (32,832 bytes), the unit's arguments and variables, randomness, and what
  ;; is carried.
  (memory $own 1)

  ;; Bytes that memories may have together with tables, and elements that tables may have.
  (global $memory_limit (mut i64) (i64.const 0))
  (global $table_limit (mut i64) (i64.const 0))
  ;; What they have: at first what they start with.
  (global $memory (export "memory_bytes") (mut i64) (i64.const 0))
  (global $elements (export "table_elements") (mut i64) (i64.const 0))
  ;; Whether the unit's stdout is log.
  (global $stdout_is_log (export "stdout_is_log") (mut i32) (i32.const 0))
  ;; Arguments and variables: how many, bytes, where their offsets and their bytes are in our memory.
  (global $args (mut i32) (i32.const 0))
  (global $args_size (mut i32) (i32.const 0))
  (global $args_table (mut i32) (i32.const 0))
  (global $args_bytes (mut i32) (i32.const 0))
  (global $variables (mut i32) (i32.const 0))
  (global $variables_size (mut i32) (i32.const 0))
  (global $variables_table (mut i32) (i32.const 0))
  (global $variables_bytes (mut i32) (i32.const 0))
  ;; Seeded randomness: where it is, and how much there is.
  (global $random (mut i32) (i32.const 0))
  (global $random_size (export "random_size") (mut i32) (i32.const 0))
  ;; The room of a unit's frames, in bytes as we estimate them.
  (global $stack (export "stack") (mut i32) (i32.const 0))
  ;; When virtual clocks start, and how far each reading moves them, in nanoseconds.
  (global $clock_start (export "clock_start") (mut i64) (i64.const 0))
  (global $clock_step (export "clock_step") (mut i64) (i64.const 0))

  ;; 1 << 32 while the unit's start function runs: nobody exits there.
  (global $early (mut i64) (i64.const 0))
  (global $now (mut i64) (i64.const 0))
  (global $drawn (mut i32) (i32.const 0))
  (global $told (mut i64) (i64.const 0))
  (global $refused (mut i64) (i64.const 0))
  ;; Bytes on stdout: what comes behind them is WasmEdge's.
  (global $answered (mut i64) (i64.const 0))

  (func $peak (result i64)
    (i64.add (global.get $memory) (i64.shl (global.get $elements) (i64.const 3))))

  (func $record (param $kind i32) (param $first i64) (param $second i64)
    ;; The unit's own bytes are put back afterwards.
    (memory.copy $own $wasi (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.store $wasi (i32.const 0) (i32.const 16))
    (i32.store $wasi (i32.const 4) (i32.const 17))
    (i32.store8 $wasi (i32.const 16) (local.get $kind))
    (i64.store $wasi (i32.const 17) (local.get $first))
    (i64.store $wasi (i32.const 25) (local.get $second))
    ;; Whole or not at all: what comes behind half a record would be taken for the rest of it.
    (if (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (i32.load $wasi (i32.const 8)) (i32.const 17)) (then (unreachable)))
    (memory.copy $wasi $own (i32.const 0) (i32.const 0) (i32.const 64)))

  ;; So many bytes more are on stdout.
  (func $answer (param $bytes i32)
    (if (i32.eqz (local.get $bytes)) (then (return)))
    (global.set $answered (i64.add (global.get $answered) (i64.extend_i32_u (local.get $bytes))))
    (call $record (i32.const 12) (global.get $answered) (i64.const 0)))

  ;; Whether so many bytes from there are outside of the memory that WASI works on.
  (func $outside (param $at i32) (param $length i32) (result i32)
    (i64.gt_u
      (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $length)))
      (i64.shl (i64.extend_i32_u (memory.size $wasi)) (i64.const 16))))

  ;; What engines do where a pointer is outside of the memory or not where such a thing may stand, or a number is none that WASI knows.
  (func $invalid (param $what i64)
    (call $record (i32.const 13) (local.get $what) (i64.const 0))
    (unreachable))
  (func $point (param $at i32) (param $length i32) (param $alignment i32)
    (if
      (i32.or
        (call $outside (local.get $at) (local.get $length))
        (i32.rem_u (local.get $at) (local.get $alignment)))
      (then (call $invalid (i64.const 0)))))

  ;; ---- Limits

  ;; Whether memories and tables may grow by so many bytes or elements, one of them to `desired`. Past its own maximum, where that is
  ;; below the limit, a growth is no refusal of ours. (Without one, `maximum` is -1.)
  (func $may_grow (export "may_grow")
    (param $bytes i64) (param $elements i64) (param $desired i64) (param $maximum i64) (result i32)
    (local $wanted i64) (local $of i64)
    (if
      (i32.and
        (i64.gt_u (local.get $desired) (local.get $maximum))
        (i64.le_u (local.get $maximum)
          (select (global.get $memory_limit) (global.get $table_limit) (i64.ne (local.get $bytes) (i64.const 0)))))
      (then (return (i32.const 0))))
    (local.set $wanted (i64.add (global.get $elements) (local.get $elements)))
    (if (i64.gt_u (local.get $wanted) (global.get $table_limit))
      (then (local.set $of (i64.const 1)))
      (else
        (local.set $wanted
          (i64.add (i64.add (call $peak) (local.get $bytes)) (i64.shl (local.get $elements) (i64.const 3))))
        (if (i64.le_u (local.get $wanted) (global.get $memory_limit)) (then (return (i32.const 1))))))
    (call $refuse (local.get $of) (local.get $wanted))
    (i32.const 0))

  ;; Said for the first refusal and each time that twice as much is wanted, so that a unit cannot say it for ever.
  (func $refuse (param $of i64) (param $wanted i64)
    (if (i64.ge_u (i64.shr_u (local.get $wanted) (i64.const 1)) (global.get $refused))
      (then
        (global.set $refused (local.get $wanted))
        (call $record (i32.const 10) (local.get $of) (local.get $wanted)))))

  ;; What grew after it was allowed to, or did not where WasmEdge had no memory for it.
  (func $grown (export "grown") (param $bytes i64) (param $elements i64) (param $failed i32)
    (if (local.get $failed)
      (then
        (call $refuse (i64.const 0)
          (i64.add (i64.add (call $peak) (local.get $bytes)) (i64.shl (local.get $elements) (i64.const 3))))
        (return)))
    (global.set $memory (i64.add (global.get $memory) (local.get $bytes)))
    (global.set $elements (i64.add (global.get $elements) (local.get $elements)))
    (if (i64.ge_u (i64.sub (call $peak) (global.get $told)) (i64.const 65536))
      (then
        (global.set $told (call $peak))
        (call $record (i32.const 2) (global.get $memory) (global.get $elements)))))

  ;; Where gas is counted, bulk instructions go over 64 bytes for one: WasmEdge takes one for all of them. A turn of this loop takes eight.
  (func (export "burn") (param $bytes i64)
    (loop $turn
      (br_if $turn
        (i64.gt_s (local.tee $bytes (i64.sub (local.get $bytes) (i64.const 512))) (i64.const 0)))))

  ;; Where a call's frame does not fit into what is left of `stack`; calls themselves take from it, and give back.
  (func (export "too_deep")
    (call $record (i32.const 5) (i64.const 0) (i64.const 0))
    (unreachable))

  ;; ---- WASI in the place of WasmEdge's

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $index i32) (local $piece i32) (local $length i32) (local $total i32) (local $failed i32)
    (if (i32.and (i32.eq (local.get $fd) (i32.const 1)) (global.get $stdout_is_log))
      (then (local.set $fd (i32.const 2))))
    (call $point (local.get $written) (i32.const 4) (i32.const 4))
    (if (i32.ne (local.get $fd) (i32.const 2))
      (then
        (local.set $failed
          (call $fd_write (local.get $fd) (local.get $pieces) (local.get $count) (local.get $written)))
        (if (i32.and (i32.eq (local.get $fd) (i32.const 1)) (i32.eqz (local.get $failed)))
          (then (call $answer (i32.load $wasi (local.get $written)))))
        (return (local.get $failed))))
    (block $done
      (loop $each
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $piece (i32.add (local.get $pieces) (i32.shl (local.get $index) (i32.const 3))))
        (if (i32.lt_u (local.get $piece) (local.get $pieces)) (then (call $invalid (i64.const 0))))
        (call $point (local.get $piece) (i32.const 8) (i32.const 4))
        (local.set $length (i32.load $wasi offset=4 (local.get $piece)))
        (call $point (i32.load $wasi (local.get $piece)) (local.get $length) (i32.const 1))
        (if (local.get $length)
          (then
            (call $record (i32.const 0) (i64.extend_i32_u (local.get $length)) (i64.const 0))
            ;; A pipe takes a piece whole, or is gone.
            (if (call $fd_write (i32.const 2) (local.get $piece) (i32.const 1) (local.get $written)) (then (unreachable)))
            (if (i32.ne (i32.load $wasi (local.get $written)) (local.get $length)) (then (unreachable)))
            (local.set $total (i32.add (local.get $total) (local.get $length)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $each)))
    (i32.store $wasi (local.get $written) (local.get $total))
    (i32.const 0))

  ;; What other engines say where more is wanted of a path than was granted.
  (func (export "errno_of_path") (param $errno i32) (result i32)
    (select (i32.const 63) (local.get $errno) (i32.eq (local.get $errno) (i32.const 76))))

  ;; stdin, stdout and stderr stay what they are.
  (func (export "fd_close") (param $fd i32) (result i32)
    (if (i32.le_u (local.get $fd) (i32.const 2)) (then (return (i32.const 0))))
    (call $fd_close (local.get $fd)))

  (func (export "fd_renumber") (param $from i32) (param $to i32) (result i32)
    (if (i32.le_u (local.get $from) (i32.const 2)) (then (return (i32.const 8))))
    (if (i32.le_u (local.get $to) (i32.const 2)) (then (return (i32.const 8))))
    (call $fd_renumber (local.get $from) (local.get $to)))

  ;; A pipe that does not wait, or that may not be written to, would lose records.
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param $flags i32) (result i32)
    (if (i32.le_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (call $fd_fdstat_set_flags (local.get $fd) (local.get $flags)))

  (func (export "fd_fdstat_set_rights") (param $fd i32) (param $base i64) (param $inheriting i64) (result i32)
    (if (i32.le_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (call $fd_fdstat_set_rights (local.get $fd) (local.get $base) (local.get $inheriting)))

  (func (export "proc_exit") (param $code i32)
    (call $record (i32.const 3) (i64.or (i64.extend_i32_u (local.get $code)) (global.get $early)) (call $peak))
    ;; WasmEdge gives other numbers for codes from 126 on; ours is in the record.
    (call $proc_exit (i32.const 0))
    (unreachable))

  (func $sizes (param $count i32) (param $size i32) (param $counted i32) (param $sized i32) (result i32)
    (call $point (local.get $counted) (i32.const 4) (i32.const 4))
    (call $point (local.get $sized) (i32.const 4) (i32.const 4))
    (i32.store $wasi (local.get $counted) (local.get $count))
    (i32.store $wasi (local.get $sized) (local.get $size))
    (i32.const 0))

  (func $strings
    (param $count i32) (param $size i32) (param $table i32) (param $bytes i32) (param $pointers i32) (param $buffer i32)
    (result i32)
    (local $index i32) (local $step i32)
    (call $point (local.get $pointers) (i32.shl (local.get $count) (i32.const 2)) (i32.const 4))
    (call $point (local.get $buffer) (local.get $size) (i32.const 1))
    (memory.copy $wasi $own (local.get $buffer) (local.get $bytes) (local.get $size))
    (block $done
      (loop $each
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $step (i32.shl (local.get $index) (i32.const 2)))
        (i32.store $wasi (i32.add (local.get $pointers) (local.get $step))
          (i32.add (local.get $buffer) (i32.load $own (i32.add (local.get $table) (local.get $step)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $each)))
    (i32.const 0))

  (func (export "args_sizes_get") (param i32 i32) (result i32)
    (call $sizes (global.get $args) (global.get $args_size) (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32)
    (call $strings (global.get $args) (global.get $args_size) (global.get $args_table) (global.get $args_bytes)
      (local.get 0) (local.get 1)))
  (func (export "environ_sizes_get") (param i32 i32) (result i32)
    (call $sizes (global.get $variables) (global.get $variables_size) (local.get 0) (local.get 1)))
  (func (export "environ_get") (param i32 i32) (result i32)
    (call $strings (global.get $variables) (global.get $variables_size) (global.get $variables_table)
      (global.get $variables_bytes) (local.get 0) (local.get 1)))

  ;; Those of computing time are known, and not given.
  (func $known (param $clock i32)
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (call $invalid (i64.const 1)))))

  (func (export "clock_res_get") (param $clock i32) (param $at i32) (result i32)
    (call $known (local.get $clock))
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 8))))
    (call $point (local.get $at) (i32.const 8) (i32.const 8))
    (i64.store $wasi (local.get $at) (global.get $clock_step))
    (i32.const 0))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $at i32) (result i32)
    (call $known (local.get $clock))
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 8))))
    (call $point (local.get $at) (i32.const 8) (i32.const 8))
    (global.set $now (i64.add (global.get $now) (global.get $clock_step)))
    (i64.store $wasi (local.get $at)
      (i64.add (global.get $now) (select (i64.const 0) (global.get $clock_start) (local.get $clock))))
    (i32.const 0))

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (call $point (local.get $at) (local.get $length) (i32.const 1))
    (if (i32.gt_u (local.get $length) (i32.sub (global.get $random_size) (global.get $drawn)))
      (then (call $record (i32.const 6) (i64.extend_i32_u (local.get $length)) (i64.const 0)) (unreachable)))
    (memory.copy $wasi $own
      (local.get $at) (i32.add (global.get $random) (global.get $drawn)) (local.get $length))
    (global.set $drawn (i32.add (global.get $drawn) (local.get $length)))
    (i32.const 0))

  ;; When a subscription to a clock is due, by the virtual clock; -1 for any other subscription.
  (func $due (param $subscription i32) (param $began i64) (result i64)
    (local $timeout i64) (local $due i64)
    (if (i32.load8_u $wasi offset=8 (local.get $subscription)) (then (return (i64.const -1))))
    (if (i32.gt_u (i32.load $wasi offset=16 (local.get $subscription)) (i32.const 1)) (then (return (i64.const -1))))
    (local.set $timeout (i64.load $wasi offset=24 (local.get $subscription)))
    (if (i32.and (i32.load16_u $wasi offset=40 (local.get $subscription)) (i32.const 1))
      (then
        ;; A moment, by this clock or by the wall's.
        (local.set $due (local.get $timeout))
        (if (i32.eqz (i32.load $wasi offset=16 (local.get $subscription)))
          (then
            (local.set $due
              (select
                (i64.sub (local.get $timeout) (global.get $clock_start))
                (i64.const 0)
                (i64.gt_u (local.get $timeout) (global.get $clock_start)))))))
      (else
        (local.set $due (i64.add (local.get $began) (local.get $timeout)))
        (if (i64.lt_u (local.get $due) (local.get $timeout)) (then (local.set $due (i64.const 9223372036854775807))))))
    ;; Never past what can still be read and moved on a little.
    (select (local.get $due) (i64.const 9223372036854775807)
      (i64.lt_u (local.get $due) (i64.const 9223372036854775807))))

  ;; Where a unit waits for time and nothing else, its time jumps.
  (func (export "poll_oneoff")
    (param $subscriptions i32) (param $events i32) (param $count i32) (param $written i32) (result i32)
    (local $index i32) (local $due i64) (local $began i64) (local $earliest i64)
    (local $subscription i32) (local $event i32) (local $userdata i64) (local $happened i32)
    (local.set $earliest (i64.const -1))
    (local.set $began (global.get $now))
    (if (i32.or (i32.eqz (local.get $count)) (i32.gt_u (local.get $count) (i32.const 1000000)))
      (then (return (i32.const 28))))
    (call $point (local.get $subscriptions) (i32.mul (local.get $count) (i32.const 48)) (i32.const 8))
    (call $point (local.get $events) (i32.mul (local.get $count) (i32.const 32)) (i32.const 8))
    (call $point (local.get $written) (i32.const 4) (i32.const 4))
    (block $all
      (loop $each
        (br_if $all (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $due
          (call $due
            (i32.add (local.get $subscriptions) (i32.mul (local.get $index) (i32.const 48)))
            (local.get $began)))
        (if (i64.eq (local.get $due) (i64.const -1))
          (then
            (return
              (call $poll_oneoff
                (local.get $subscriptions) (local.get $events) (local.get $count) (local.get $written)))))
        (if (i64.lt_u (local.get $due) (local.get $earliest)) (then (local.set $earliest (local.get $due))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $each)))
    (if (i64.gt_u (local.get $earliest) (global.get $now)) (then (global.set $now (local.get $earliest))))
    (local.set $index (i32.const 0))
    (block $all
      (loop $each
        (br_if $all (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $subscription (i32.add (local.get $subscriptions) (i32.mul (local.get $index) (i32.const 48))))
        (if (i64.le_u (call $due (local.get $subscription) (local.get $began)) (global.get $now))
          (then
            (local.set $event (i32.add (local.get $events) (i32.mul (local.get $happened) (i32.const 32))))
            (local.set $userdata (i64.load $wasi (local.get $subscription)))
            ;; `error` (success), `type` (clock) and what clocks have nothing to say about are zeros.
            (memory.fill $wasi (local.get $event) (i32.const 0) (i32.const 32))
            (i64.store $wasi (local.get $event) (local.get $userdata))
            (local.set $happened (i32.add (local.get $happened) (i32.const 1)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $each)))
    (i32.store $wasi (local.get $written) (local.get $happened))
    (i32.const 0))

  ;; AssemblyScript's: strings are UTF-16, their length in bytes stands before them.
  (func $text (param $at i32) (param $which i64)
    (local $length i32)
    (if (i32.lt_u (local.get $at) (i32.const 4)) (then (return)))
    (if (call $outside (i32.sub (local.get $at) (i32.const 4)) (i32.const 4)) (then (return)))
    (local.set $length (i32.load $wasi (i32.sub (local.get $at) (i32.const 4))))
    (if (i32.gt_u (local.get $length) (i32.const 2000)) (then (local.set $length (i32.const 2000))))
    (if (call $outside (local.get $at) (local.get $length)) (then (return)))
    (if (i32.eqz (local.get $length)) (then (return)))
    (call $record (i32.const 8) (i64.extend_i32_u (local.get $length)) (local.get $which))
    (memory.copy $own $wasi (i32.const 0) (i32.const 0) (i32.const 16))
    (if (i32.ge_u (local.get $at) (i32.const 16))
      (then (i32.store $wasi (i32.const 0) (local.get $at)))
      ;; It stands in the window; nothing is there that could be read.
      (else (i32.store $wasi (i32.const 0) (i32.const 16))))
    (i32.store $wasi (i32.const 4) (local.get $length))
    (if (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (i32.load $wasi (i32.const 8)) (local.get $length)) (then (unreachable)))
    (memory.copy $wasi $own (i32.const 0) (i32.const 0) (i32.const 16)))

  (func (export "abort") (param $message i32) (param $file i32) (param $line i32) (param $column i32)
    (call $text (local.get $message) (i64.const 0))
    (call $text (local.get $file) (i64.const 1))
    (call $record (i32.const 7) (i64.extend_i32_u (local.get $line)) (i64.extend_i32_u (local.get $column)))
    (unreachable))

  ;; ---- Beginning and end

  ;; Makes our memory reach so far.
  (func $reach (param $end i64)
    (local $missing i64)
    (local.set $missing
      (i64.sub
        (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16))
        (i64.extend_i32_u (memory.size $own))))
    (if (i64.gt_s (local.get $missing) (i64.const 0))
      (then
        (if (i32.eq (memory.grow $own (i32.wrap_i64 (local.get $missing))) (i32.const -1)) (then (unreachable))))))

  ;; Reads so many bytes of stdin to our memory, before the unit has run, through the first 32 KiB of its memory, which are put `aside`.
  (func $take (param $to i32) (param $length i32)
    (local $piece i32) (local $room i32)
    (if (i32.eqz (local.get $length)) (then (return)))
    (call $reach (i64.add (i64.extend_i32_u (local.get $to)) (i64.extend_i32_u (local.get $length))))
    (local.set $room (i32.const 32768))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $length)))
        (i32.store $wasi (i32.const 0) (i32.const 64))
        (i32.store $wasi (i32.const 4)
          (select (local.get $length) (local.get $room) (i32.lt_u (local.get $length) (local.get $room))))
        (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
        (local.set $piece (i32.load $wasi (i32.const 8)))
        ;; Less came than was announced.
        (if (i32.eqz (local.get $piece)) (then (unreachable)))
        (memory.copy $own $wasi (local.get $to) (i32.const 64) (local.get $piece))
        (local.set $to (i32.add (local.get $to) (local.get $piece)))
        (local.set $length (i32.sub (local.get $length) (local.get $piece)))
        (br $each))))

  ;; Puts the unit's first 32 KiB aside, and back.
  (func $aside (param $back i32)
    (if (local.get $back)
      (then (memory.copy $wasi $own (i32.const 0) (i32.const 64) (i32.const 32832)))
      (else (memory.copy $own $wasi (i32.const 64) (i32.const 0) (i32.const 32832)))))

  ;; What every stdin begins with: both limits; of arguments and variables how many there are and their bytes; their offsets and bytes,
  ;; in such pieces that each list begins at a multiple of 4, and all of it ends at one of 64; randomness, where the unit asks for some.
  (func $head
    (local $strings i32)
    (local.set $strings (i32.const 32896))
    (call $take (i32.const 0) (i32.const 32))
    (global.set $memory_limit (i64.load $own (i32.const 0)))
    (global.set $table_limit (i64.load $own (i32.const 8)))
    (global.set $args (i32.load $own (i32.const 16)))
    (global.set $args_size (i32.load $own (i32.const 20)))
    (global.set $variables (i32.load $own (i32.const 24)))
    (global.set $variables_size (i32.load $own (i32.const 28)))
    (global.set $args_table (local.get $strings))
    (global.set $args_bytes (i32.add (global.get $args_table) (i32.shl (global.get $args) (i32.const 2))))
    (global.set $variables_table
      (i32.and (i32.add (i32.add (global.get $args_bytes) (global.get $args_size)) (i32.const 3)) (i32.const -4)))
    (global.set $variables_bytes
      (i32.add (global.get $variables_table) (i32.shl (global.get $variables) (i32.const 2))))
    (global.set $random
      (i32.and (i32.add (i32.add (global.get $variables_bytes) (global.get $variables_size)) (i32.const 63)) (i32.const -64)))
    (call $take (local.get $strings) (i32.sub (global.get $random) (local.get $strings)))
    (call $take (global.get $random) (global.get $random_size)))

  (func $started
    (global.set $told (call $peak))
    (call $record (i32.const 1) (global.get $memory) (global.get $elements))
    (global.set $early (i64.const 4294967296))
    (call $unit_start)
    (global.set $early (i64.const 0)))

  ;; Before anything of the unit runs.
  (func $begin (export "begin")
    (call $aside (i32.const 0))
    (call $head)
    (call $aside (i32.const 1))
    (call $started))

  (func $end (export "end")
    (call $record (i32.const 4) (call $peak) (i64.const 0)))

  (func (export "command")
    (call $begin)
    (call $unit_main)
    (call $end))

  ;; A pointer and a length in one number.
  (func $pair (param $pointer i32) (param $length i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32)) (i64.extend_i32_u (local.get $length))))

  (func $broken (param $what i64) (param $number i64)
    (call $record (i32.const 9) (local.get $what) (local.get $number))
    (unreachable))

  (func $outside_unit (param $at i32) (param $length i32) (result i32)
    (i64.gt_u
      (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $length)))
      (i64.shl (i64.extend_i32_u (memory.size $unit)) (i64.const 16))))

  ;; `allocate`, `process`: after the head comes the length of the input, then the input.
  (func (export "bytes")
    (local $length i32) (local $input i32) (local $pointer i32) (local $cell i32) (local $result i32) (local $piece i32)
    (call $aside (i32.const 0))
    (call $head)
    (local.set $input (i32.add (global.get $random) (global.get $random_size)))
    (call $take (local.get $input) (i32.const 4))
    (local.set $length (i32.load $own (local.get $input)))
    (call $take (local.get $input) (local.get $length))
    (call $aside (i32.const 1))
    (call $started)
    (call $unit_main)
    (if (local.get $length)
      (then
        (local.set $pointer (call $unit_allocate (local.get $length)))
        (if (i32.eqz (local.get $pointer)) (then (call $broken (i64.const 0) (i64.const 0))))
        (if (call $outside_unit (local.get $pointer) (local.get $length))
          (then (call $broken (i64.const 1) (call $pair (local.get $pointer) (local.get $length)))))
        (memory.copy $unit $own (local.get $pointer) (local.get $input) (local.get $length))))
    (local.set $cell (call $unit_allocate (i32.const 4)))
    (if (i32.eqz (local.get $cell)) (then (call $broken (i64.const 2) (i64.const 0))))
    (if (call $outside_unit (local.get $cell) (i32.const 4))
      (then (call $broken (i64.const 3) (call $pair (local.get $cell) (i32.const 4)))))
    (i32.store $unit (local.get $cell) (i32.const 0))
    (local.set $result (call $unit_process (local.get $pointer) (local.get $length) (local.get $cell)))
    (if (i32.eqz (local.get $result)) (then (call $broken (i64.const 4) (i64.const 0))))
    (local.set $length (i32.load $unit (local.get $cell)))
    (if (call $outside_unit (local.get $result) (local.get $length))
      (then
        (call $broken (i64.const 5) (call $pair (local.get $result) (local.get $length)))))
    (call $record (i32.const 11) (i64.extend_i32_u (local.get $length)) (i64.const 0))
    ;; Over our memory, since it may stand anywhere, also where it passes through.
    (call $reach (i64.add (i64.extend_i32_u (local.get $input)) (i64.extend_i32_u (local.get $length))))
    (memory.copy $own $unit (local.get $input) (local.get $result) (local.get $length))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $piece
          (select (local.get $length) (i32.const 32768) (i32.lt_u (local.get $length) (i32.const 32768))))
        (memory.copy $wasi $own (i32.const 64) (local.get $input) (local.get $piece))
        (i32.store $wasi (i32.const 0) (i32.const 64))
        (i32.store $wasi (i32.const 4) (local.get $piece))
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
        (local.set $piece (i32.load $wasi (i32.const 8)))
        (call $answer (local.get $piece))
        (local.set $input (i32.add (local.get $input) (local.get $piece)))
        (local.set $length (i32.sub (local.get $length) (local.get $piece)))
        (br $each)))
    (call $end))
)
