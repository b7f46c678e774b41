// Decimal numbers to the nearest f64. The standard library's `parseFloat` is off by a bit now and then.
//
// After D. Lemire, "Number parsing at a gigabyte per second" (2021): one or two multiplications by a power of five of 128 bits, which
// `build.mjs` puts into `__wasmill_powers`. What that leaves open is decided with integers of any size.

const LEAST_POWER: i32 = -342;
const MOST_POWER: i32 = 308;

/** Digits that fit into 64 bits for sure. */
const DIGITS: i32 = 19;

/** No f64 that is found to the half of its last bit needs more digits; the last one stands for all that follow. */
const MOST_DIGITS: i32 = 800;

/** Set where the answer is not sure. */
// @ts-ignore: decorator
@lazy let unsure: bool = false;

// @ts-ignore: decorator
@inline
function upper(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const middle = ah * bl + ((al * bl) >> 32);
  return ah * bh + (middle >> 32) + ((al * bh + (middle & 0xffffffff)) >> 32);
}

/** The bits of the f64 next to `digits * 10 ** power`. */
function nearest(digits: u64, power: i32): u64 {
  if (digits == 0 || power < LEAST_POWER) return 0;
  if (power > MOST_POWER) return 0x7ff0000000000000;
  const zeros = <i32>clz(digits);
  const shifted = digits << zeros;
  const entry = __wasmill_powers + (<usize>(power - LEAST_POWER) << 4);
  let high = upper(shifted, load<u64>(entry));
  let low = shifted * load<u64>(entry);
  if ((high & 0x1ff) == 0x1ff) {
    const more = upper(shifted, load<u64>(entry, 8));
    low += more;
    if (low < more) ++high;
  }
  if (low == 0xffffffffffffffff && (power < -27 || power > 55)) unsure = true;
  const top = <i32>(high >> 63);
  let mantissa = high >> (top + 9);
  let exponent = ((217706 * power) >> 16) + 63 + top - zeros + 1023;
  if (exponent <= 0) {
    if (exponent <= -63) return 0;
    mantissa >>= 1 - exponent;
    mantissa += mantissa & 1;
    // A mantissa that grew to its full size is in the place of exponent 1.
    return mantissa >> 1;
  }
  if (low <= 1 && power >= -4 && power <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high) mantissa &= ~1;
  mantissa += mantissa & 1;
  mantissa >>= 1;
  if (mantissa >= (<u64>2) << 52) {
    mantissa = (<u64>1) << 52;
    ++exponent;
  }
  if (exponent >= 0x7ff) return 0x7ff0000000000000;
  return (mantissa & 0xfffffffffffff) | ((<u64>exponent) << 52);
}

/** The number of JSON between two places. */
export function __wasmill_parse(from: usize, stop: usize): f64 {
  const negative = load<u8>(from) == 45;
  let i = negative ? from + 1 : from;
  const start = i;
  let digits: u64 = 0;
  let count = 0;
  let power = 0;
  let pointed = false;
  for (; i < stop; ++i) {
    const byte = <u32>load<u8>(i);
    if (byte == 46) {
      pointed = true;
      continue;
    }
    const digit = byte - 48;
    if (digit >= 10) break;
    if (count < DIGITS) {
      digits = digits * 10 + digit;
      if (digits) ++count;
      if (pointed) --power;
    } else {
      ++count;
      if (!pointed) ++power;
    }
  }
  const last = i;
  if (i < stop) power += exponent(i + 1, stop);
  let bits: u64;
  if (digits < 9007199254740992 && power >= 0 && power <= 15 && count <= 16) {
    // Both are exact, so their product is the nearest there is.
    bits = reinterpret<u64>(<f64>digits * ipow10(power));
  } else {
    unsure = false;
    bits = nearest(digits, power);
    if (count > DIGITS && nearest(digits + 1, power) != bits) unsure = true;
    if (unsure) bits = decided(start, last, stop, bits);
  }
  const value = reinterpret<f64>(bits);
  return negative ? -value : value;
}

function ipow10(power: i32): f64 {
  let value = 1.0;
  for (let i = 0; i < power; ++i) value *= 10;
  return value;
}

function exponent(from: usize, stop: usize): i32 {
  const sign = load<u8>(from);
  if (sign == 43 || sign == 45) ++from;
  let value = 0;
  for (; from < stop; ++from) {
    if (value < 100000) value = value * 10 + <i32>load<u8>(from) - 48;
  }
  return sign == 45 ? -value : value;
}

/** An integer of any size: 32 bits an element, the least first. */
class Large {
  limbs: u32[] = [];

  multiply(factor: u32, more: u32 = 0): void {
    let carry = <u64>more;
    for (let i = 0; i < this.limbs.length; ++i) {
      carry += <u64>unchecked(this.limbs[i]) * factor;
      unchecked((this.limbs[i] = <u32>carry));
      carry >>= 32;
    }
    if (carry) this.limbs.push(<u32>carry);
  }

  scale(factor: u32, times: i32): void {
    for (let i = 0; i < times; ++i) this.multiply(factor);
  }

  compare(other: Large): i32 {
    if (this.limbs.length != other.limbs.length) return this.limbs.length - other.limbs.length;
    for (let i = this.limbs.length - 1; i >= 0; --i) {
      const mine = unchecked(this.limbs[i]);
      const theirs = unchecked(other.limbs[i]);
      if (mine != theirs) return mine < theirs ? -1 : 1;
    }
    return 0;
  }
}

/** The nearest of two neighbours, found by comparing the text with what lies half way. `bits` is at most one too small or too large. */
function decided(start: usize, last: usize, stop: usize, bits: u64): u64 {
  const text = new Large();
  let power = last < stop ? exponent(last + 1, stop) : 0;
  let pointed = false;
  let count = 0;
  let rest = false;
  for (let i = start; i < last; ++i) {
    const byte = <u32>load<u8>(i);
    if (byte == 46) {
      pointed = true;
      continue;
    }
    if (count < MOST_DIGITS) {
      text.multiply(10, byte - 48);
      if (text.limbs.length) ++count;
      if (pointed) --power;
    } else {
      if (byte != 48) rest = true;
      if (!pointed) ++power;
    }
  }
  if (rest) {
    text.multiply(10, 1);
    --power;
  }
  if (bits >= 0x7ff0000000000000) bits = 0x7fefffffffffffff;
  let lower = bits ? bits - 1 : 0;
  while (lower < 0x7ff0000000000000 && beyond(text, power, lower) > 0) ++lower;
  return lower;
}

/** Whether a decimal is nearer to the number after `bits` than to `bits`: 1 if so. */
function beyond(text: Large, power: i32, bits: u64): i32 {
  const biased = <i32>(bits >> 52);
  const mantissa = (bits & 0xfffffffffffff) | (biased ? (<u64>1) << 52 : 0);
  // Half way to the next one: twice the mantissa and one more.
  const half = (mantissa << 1) + 1;
  const exponent = (biased ? biased : 1) - 1075 - 1;
  const left = new Large();
  for (let i = 0; i < text.limbs.length; ++i) left.limbs.push(unchecked(text.limbs[i]));
  const right = new Large();
  right.limbs.push(<u32>half);
  right.limbs.push(<u32>(half >> 32));
  if (power > 0) left.scale(10, power);
  else right.scale(10, -power);
  if (exponent > 0) right.scale(2, exponent);
  else left.scale(2, -exponent);
  while (right.limbs.length && right.limbs[right.limbs.length - 1] == 0) right.limbs.pop();
  const order = left.compare(right);
  if (order != 0) return order > 0 ? 1 : 0;
  return <i32>(mantissa & 1);
}
