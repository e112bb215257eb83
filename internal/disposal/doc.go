// Package disposal takes away what may no longer be kept: files whose clock has
// run out, and after the end of an agreement everything of the practice, in the
// sinks too, with a certificate of what went. What must go is decided by
// internal/agreement from what the ledger knows; this room looks, acts in small
// steps that can be repeated at any point, and says what cannot be done any more.
//
// It never touches what a legal hold keeps, what an export under way needs,
// another practice (I7), or the record of who did what. It starts no goroutine
// and sends nothing.
//
// 45 CFR 164.504(e)(2)(ii)(J), return or destroy:
// https://www.ecfr.gov/current/title-45/part-164/section-164.504
package disposal
