;; A program that computes for ever. Promise: fuel and time both end it, and neither depends on what it imports.
(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))
