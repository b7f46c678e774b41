;; Arithmetic over every number type, with parameter names. Promise: arguments by position and by name, and every digit.
(module
  (func (export "add") (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b)))
  (func (export "add64") (param $a i64) (param $b i64) (result i64) (i64.add (local.get $a) (local.get $b)))
  (func (export "mul") (param $x f64) (param $y f64) (result f64) (f64.mul (local.get $x) (local.get $y)))
  (func (export "half") (param $x f32) (result f32) (f32.div (local.get $x) (f32.const 2)))
  (func (export "divmod") (param $a i32) (param $b i32) (result i32 i32)
    (i32.div_s (local.get $a) (local.get $b))
    (i32.rem_s (local.get $a) (local.get $b)))
  (func (export "nan") (result f64) (f64.const nan))
  (func (export "swap") (param $v v128) (result v128)
    (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (local.get $v) (local.get $v))))
