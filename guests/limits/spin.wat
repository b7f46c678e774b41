;; Computes for ever. Promise: fuel and time both end it.
(module (func (export "run") (loop $again (br $again))))
