;; Scores to weights, exp(score - largest), four at a time, and the draw among them: what choosing a token from a vocabulary spends its
;; time on. Compiled by `npm run wasm:generate`.
;;
;; Memory, which is imported: scores (float32) from byte 0 on, filled up with -Infinity to a multiple of 16; from byte $weights on as
;; many weights (float32).

(module
  (import "softmax" "memory" (memory 1))
  ;; The number of scores, filled up.
  (global $size (import "softmax" "size") i32)
  (global $weights (import "softmax" "weights") i32)

  ;; The largest score. What is no number is passed over, and shows in the weights.
  (func $largest (export "largest") (result f32)
    (local $at i32) (local $end i32) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end (i32.shl (global.get $size) (i32.const 2)))
    (local.set $a (f32x4.splat (f32.const -inf)))
    (local.set $b (local.get $a))
    (local.set $c (local.get $a))
    (local.set $d (local.get $a))
    (loop $next
      (local.set $a (f32x4.pmax (local.get $a) (v128.load (local.get $at))))
      (local.set $b (f32x4.pmax (local.get $b) (v128.load offset=16 (local.get $at))))
      (local.set $c (f32x4.pmax (local.get $c) (v128.load offset=32 (local.get $at))))
      (local.set $d (f32x4.pmax (local.get $d) (v128.load offset=48 (local.get $at))))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))
    (local.set $a
      (f32x4.pmax (f32x4.pmax (local.get $a) (local.get $b)) (f32x4.pmax (local.get $c) (local.get $d))))
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
      (f32.max (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))

  ;; Writes the weights and returns their sum. With x = k ln 2 + r, e^x is a power of 2 times a series in r, |r| <= ln 2 / 2: the terms
  ;; that it leaves out are below 6e-9. Scores more than 87 below the largest weigh nothing.
  (func (export "weigh") (param $max f32) (result f64)
    (local $at i32) (local $end i32) (local $x v128) (local $k v128) (local $r v128) (local $weight v128) (local $sum v128)
    (local.set $end (i32.shl (global.get $size) (i32.const 2)))
    (loop $next
      (local.set $x (f32x4.sub (v128.load (local.get $at)) (f32x4.splat (local.get $max))))
      (local.set $r (f32x4.pmax (local.get $x) (v128.const f32x4 -87 -87 -87 -87)))
      (local.set $k
        (f32x4.nearest
          (f32x4.mul (local.get $r) (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))))
      ;; ln 2 in two parts, the first short enough for its products with k to be exact.
      (local.set $r
        (f32x4.sub
          (f32x4.sub
            (local.get $r)
            (f32x4.mul (local.get $k) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375)))
          (f32x4.mul (local.get $k) (v128.const f32x4 -2.1219444e-4 -2.1219444e-4 -2.1219444e-4 -2.1219444e-4))))
      ;; 1 + r (1 + r (1/2 + r (1/6 + r (1/24 + r (1/120 + r (1/720 + r / 5040))))))
      (local.set $weight (f32x4.mul (local.get $r) (v128.const f32x4 1.98412698e-4 1.98412698e-4 1.98412698e-4 1.98412698e-4)))
      (local.set $weight
        (f32x4.mul (local.get $r)
          (f32x4.add (local.get $weight) (v128.const f32x4 1.38888889e-3 1.38888889e-3 1.38888889e-3 1.38888889e-3))))
      (local.set $weight
        (f32x4.mul (local.get $r)
          (f32x4.add (local.get $weight) (v128.const f32x4 8.33333333e-3 8.33333333e-3 8.33333333e-3 8.33333333e-3))))
      (local.set $weight
        (f32x4.mul (local.get $r)
          (f32x4.add (local.get $weight) (v128.const f32x4 4.16666667e-2 4.16666667e-2 4.16666667e-2 4.16666667e-2))))
      (local.set $weight
        (f32x4.mul (local.get $r)
          (f32x4.add (local.get $weight) (v128.const f32x4 0.166666667 0.166666667 0.166666667 0.166666667))))
      (local.set $weight
        (f32x4.mul (local.get $r) (f32x4.add (local.get $weight) (v128.const f32x4 0.5 0.5 0.5 0.5))))
      (local.set $weight (f32x4.mul (local.get $r) (f32x4.add (local.get $weight) (v128.const f32x4 1 1 1 1))))
      (local.set $weight (f32x4.add (local.get $weight) (v128.const f32x4 1 1 1 1)))
      ;; Times 2^k, whose bits are those of the exponent.
      (local.set $weight
        (f32x4.mul
          (local.get $weight)
          (i32x4.shl
            (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $k)) (v128.const i32x4 127 127 127 127))
            (i32.const 23))))
      ;; Not less than -87, so that NaN stays NaN.
      (local.set $weight
        (v128.andnot
          (local.get $weight)
          (f32x4.lt (local.get $x) (v128.const f32x4 -87 -87 -87 -87))))
      (v128.store (i32.add (local.get $at) (global.get $weights)) (local.get $weight))
      (local.set $sum
        (f64x2.add
          (local.get $sum)
          (f64x2.add
            (f64x2.promote_low_f32x4 (local.get $weight))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $weight) (local.get $weight))))))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
    (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum))))

  ;; The first place at which the weights up to and with it sum to more than $left; if rounding leaves none, the last that weighs.
  (func (export "draw") (param $left f64) (result i32)
    (local $at i32) (local $end i32) (local $blockEnd i32) (local $last i32) (local $block v128) (local $rest f64) (local $weight f64)
    (local.set $at (global.get $weights))
    (local.set $end (i32.add (local.get $at) (i32.shl (global.get $size) (i32.const 2))))
    (loop $next
      ;; Sixteen at a time, as long as they are not enough.
      (local.set $block
        (f32x4.add
          (f32x4.add (v128.load (local.get $at)) (v128.load offset=16 (local.get $at)))
          (f32x4.add (v128.load offset=32 (local.get $at)) (v128.load offset=48 (local.get $at)))))
      (local.set $blockEnd (i32.add (local.get $at) (i32.const 64)))
      (local.set $rest
        (f64.sub
          (local.get $left)
          (f64.add
            (f64.add
              (f64.promote_f32 (f32x4.extract_lane 0 (local.get $block)))
              (f64.promote_f32 (f32x4.extract_lane 1 (local.get $block))))
            (f64.add
              (f64.promote_f32 (f32x4.extract_lane 2 (local.get $block)))
              (f64.promote_f32 (f32x4.extract_lane 3 (local.get $block)))))))
      (if (f64.lt (local.get $rest) (local.get $left))
        (then (local.set $last (local.get $at))))
      (if (f64.lt (local.get $rest) (f64.const 0))
        (then
          (loop $one
            (local.set $weight (f64.promote_f32 (f32.load (local.get $at))))
            (if (f64.gt (local.get $weight) (f64.const 0))
              (then
                (local.set $last (local.get $at))
                (local.set $left (f64.sub (local.get $left) (local.get $weight)))
                (if (f64.lt (local.get $left) (f64.const 0))
                  (then
                    (return (i32.shr_u (i32.sub (local.get $at) (global.get $weights)) (i32.const 2)))))))
            (br_if $one
              (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $blockEnd)))))
        (else (local.set $left (local.get $rest))))
      (br_if $next (i32.lt_u (local.tee $at (local.get $blockEnd)) (local.get $end))))
    ;; Rounding left a crumb: the last that weighs, of the block that $last lies in.
    (local.set $at (local.get $last))
    (local.set $blockEnd
      (i32.add (global.get $weights)
        (i32.and (i32.add (i32.sub (local.get $last) (global.get $weights)) (i32.const 64)) (i32.const -64))))
    (loop $one
      (if (f32.gt (f32.load (local.get $at)) (f32.const 0))
        (then (local.set $last (local.get $at))))
      (br_if $one
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $blockEnd))))
    (i32.shr_u (i32.sub (local.get $last) (global.get $weights)) (i32.const 2))))
