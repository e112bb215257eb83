package engine

// Beat is what the tick does every ten seconds.
var Beat = (*Engine).beat

// StartDue is what the tick does every second.
var StartDue = (*Engine).startDue
