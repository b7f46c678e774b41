;; A library in the place of libc's source of randomness, so that what Python draws while the unit is built is the same in every build:
;; above all the seed that strings are hashed by, which stays in the finished unit. In a call it is the host's randomness, as ever.
;;
;; componentize-py has no setting for the environment of the build, so a constructor sets PYTHONHASHSEED before Python starts. Once
;; the interpreter is there, componentize-py takes all variables of the build out of the environment: that is how a call is told
;; from the build.
;;
;; entropy.wasm is this: `wasm-tools parse entropy.wat | wasm-tools strip --delete name -o entropy.wasm`.
(module
  (@dylink.0
    (needed "libc.so")
    (mem-info (memory 17 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (import "env" "getenv" (func $getenv (param i32) (result i32)))
  (import "env" "__getentropy" (func $host_entropy (param $buffer i32) (param $length i32) (result i32)))

  (func (export "__wasm_call_ctors")
    (drop (call $setenv
      (global.get $base)
      (i32.add (global.get $base) (i32.const 15))
      (i32.const 1))))

  (func (export "getentropy") (param $buffer i32) (param $length i32) (result i32)
    (if (i32.eqz (call $getenv (global.get $base)))
      (then (return (call $host_entropy (local.get $buffer) (local.get $length)))))
    (memory.fill (local.get $buffer) (i32.const 0) (local.get $length))
    (i32.const 0))

  (data (global.get $base) "PYTHONHASHSEED\000\00"))
