// Package audit is the record of who did what with a practice's records: its
// words, its chain of hashes, and the walk that proves that nothing was
// changed, taken out or cut off. The ledger keeps it (internal/store), in the
// transaction of the act itself. The package reads no database and decides
// nothing; what is permitted is for internal/agreement.
//
// An entry holds no PHI: ids of ours, counts, codes and hashes. A URL stands
// in it without its query.
//
// 45 CFR 164.312(b), audit controls:
// https://www.ecfr.gov/current/title-45/part-164/section-164.312
package audit
