package sqlonfhir

import "strings"

// selects reads the list of selects, which take slots from first on.
func (r *reader) selects(e element, name string, first int) ([]*selectDefinition, error) {
	list, err := e.list(name)
	if err != nil {
		return nil, err
	}
	var selects []*selectDefinition
	for _, m := range list {
		s, err := r.readSelect(m, first)
		if err != nil {
			return nil, err
		}
		selects = append(selects, s)
		if name == "select" {
			first += s.width
		}
	}
	return selects, nil
}

func (r *reader) readSelect(m member, first int) (*selectDefinition, error) {
	if strings.Count(m.place, ".") > maxNesting {
		return nil, &DefinitionError{m.place, "the selects nest too deep"}
	}
	e, err := readElement(m.raw, m.place, selectElements)
	if err != nil {
		return nil, err
	}
	s := &selectDefinition{place: m.place, first: first}
	if err := r.iteration(e, s); err != nil {
		return nil, err
	}
	if err := r.columns(e, s); err != nil {
		return nil, err
	}
	s.width = len(s.columns)
	if s.selects, err = r.selects(e, "select", first+s.width); err != nil {
		return nil, err
	}
	for _, child := range s.selects {
		s.width += child.width
	}
	s.branches, err = r.selects(e, "unionAll", first+s.width)
	switch {
	case err != nil || !e.has("unionAll"):
		return s, err
	case len(s.branches) == 0:
		return s, &DefinitionError{e.at("unionAll"), "the branches are missing"}
	}
	s.width += s.branches[0].width
	return s, s.checkBranches()
}

func (r *reader) iteration(e element, s *selectDefinition) error {
	for _, name := range []string{"forEach", "forEachOrNull", "repeat"} {
		if !e.has(name) {
			continue
		}
		if s.iteration != once {
			return &DefinitionError{e.place, "at most one of forEach, forEachOrNull and repeat"}
		}
		s.iteration = iterations[name]
		if name != "repeat" {
			p, _, err := r.path(e, name)
			if err != nil {
				return err
			}
			s.paths = append(s.paths, p)
		}
	}
	if s.iteration != repeat {
		return nil
	}
	list, err := e.list("repeat")
	if err == nil && len(list) == 0 {
		err = &DefinitionError{e.at("repeat"), "the paths are missing"}
	}
	for _, m := range list {
		var text string
		if text, err = readText(m.raw, m.place); err != nil {
			return err
		}
		p, err := r.parse(text, m.place)
		if err != nil {
			return err
		}
		s.paths = append(s.paths, p)
	}
	return err
}

func (r *reader) columns(e element, s *selectDefinition) error {
	list, err := e.list("column")
	if err != nil {
		return err
	}
	for _, m := range list {
		c, err := r.column(m)
		if err != nil {
			return err
		}
		c.slot = s.first + len(s.columns)
		s.columns = append(s.columns, c)
	}
	return nil
}

func (r *reader) column(m member) (c columnDefinition, err error) {
	e, err := readElement(m.raw, m.place, columnElements)
	if err != nil {
		return c, err
	}
	if c.Name, err = e.text("name"); err != nil {
		return c, err
	}
	switch {
	case c.Name == "":
		return c, &DefinitionError{e.at("name"), "the name is missing"}
	case !isSQLName(c.Name):
		return c, &DefinitionError{e.at("name"), "a letter followed by letters, digits and underscores expected"}
	}
	if c.Type, err = e.text("type"); err != nil {
		return c, err
	}
	c.Type = typeCode(c.Type)
	if c.Description, err = e.note("description"); err != nil {
		return c, err
	}
	if c.Collection, err = e.boolean("collection"); err != nil {
		return c, err
	}
	if c.Tags, err = readTags(e); err != nil {
		return c, err
	}
	if c.pathDefinition, c.Path, err = r.path(e, "path"); err == nil {
		c.ReferenceKey = c.syntax.givesVaryingKeys()
	}
	return c, err
}

func readTags(column element) ([]Tag, error) {
	list, err := column.list("tag")
	if err != nil {
		return nil, err
	}
	var tags []Tag
	for _, m := range list {
		e, err := readElement(m.raw, m.place, []string{"name", "value"})
		if err != nil {
			return nil, err
		}
		var t Tag
		if t.Name, err = e.text("name"); err != nil {
			return nil, err
		}
		if t.Value, err = e.text("value"); err != nil {
			return nil, err
		}
		if t.Name == "" || t.Value == "" {
			return nil, &DefinitionError{m.place, "a tag has a name and a value"}
		}
		tags = append(tags, t)
	}
	return tags, nil
}
