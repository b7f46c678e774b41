;; By how many seconds the sun's clock is ahead of Greenwich's: the earth turns by a degree in 240 seconds.
(module
  (func (export "seconds") (param $longitude f64) (result i32)
    (i32.trunc_f64_s (f64.nearest (f64.mul (local.get $longitude) (f64.const 240))))))
