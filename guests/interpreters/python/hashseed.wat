;; A library whose constructor runs before Python starts: it fixes the seed that strings are hashed by, which would otherwise be drawn
;; when the unit is built, stay in it, and give the sets of another build another order. componentize-py has no setting for the
;; environment of the build, but it links the libraries that it finds.
;;
;; hashseed.wasm is this: `wasm-tools parse hashseed.wat | wasm-tools strip --delete name -o hashseed.wasm`.
(module
  (@dylink.0
    (needed "libc.so")
    (mem-info (memory 17 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (func (export "__wasm_call_ctors")
    (drop (call $setenv
      (global.get $base)
      (i32.add (global.get $base) (i32.const 15))
      (i32.const 1))))
  (data (global.get $base) "PYTHONHASHSEED\000\00"))
