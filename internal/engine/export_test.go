package engine

// Beat is what the tick does every ten seconds.
var Beat = (*Engine).beat
