package engine

// Beat is what the tick does every ten seconds.
var Beat = (*Engine).beat

// StartDue is what the tick does every second.
var StartDue = (*Engine).startDue

// FollowClock is what the tick does when it saw that time a second ago.
var FollowClock = (*Engine).followClock

// Admit fills free slots, as the tick does when a wait is over.
var Admit = (*Engine).admit
