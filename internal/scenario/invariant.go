package scenario

func (w *World) check() {}
