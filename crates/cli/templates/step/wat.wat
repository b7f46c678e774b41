;; A step in WebAssembly text. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, a number.
;;
;; Next: write your own functions, and `wasmill run` again. All that are exported can be called: where there are several, the step says
;; `function: NAME`.
(module
  (func $cents (param $amount f64) (result f64)
    (f64.div (f64.nearest (f64.mul (local.get $amount) (f64.const 100))) (f64.const 100)))

  (func (export "total") (param $price f64) (param $quantity i32) (result f64)
    (call $cents (f64.mul (local.get $price) (f64.convert_i32_s (local.get $quantity))))))
