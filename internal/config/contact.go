package config

import (
	"net/mail"
	"regexp"
	"strings"
)

// Who must act on a problem; see Contact.Who.
const (
	ContactUs       = "us"
	ContactPractice = "practice"
	ContactVendor   = "vendor"
)

// A Contact is a person, or a desk, who acts on what concerns a tenant.
type Contact struct {
	// Who is us, practice or vendor: on whose side the contact is. Needed.
	Who string `yaml:"who" words:"us practice vendor"`
	// Name is for people.
	Name string `yaml:"name"`
	// Email is an address such as desk@practice.example.
	Email string `yaml:"email"`
	// Phone is a number as one would dial it. Default: none.
	Phone string `yaml:"phone"`
}

// ContactsOf returns the tenant's contacts on a side, such as ContactPractice,
// in the order of the configuration.
func (t *Tenant) ContactsOf(who string) []Contact {
	var list []Contact
	for _, c := range t.Contacts {
		if c.Who == who {
			list = append(list, c)
		}
	}
	return list
}

var tinShape = regexp.MustCompile(`^[0-9]{2}-?[0-9]{7}$`)

// checkIdentity notes what is wrong with who the practice is, and with who acts.
func (r *reader) checkIdentity(at place, t *Tenant) {
	if t.NPI != "" && !isNPI(t.NPI) {
		r.miss(at.at("npi"), "must be a National Provider Identifier: ten digits, of which the last one proves the others")
	}
	if t.TIN != "" && !tinShape.MatchString(t.TIN) {
		r.miss(at.at("tin"), "must be a taxpayer number of an organization, such as 12-3456789")
	}
	for i, c := range t.Contacts {
		contact := at.at("contacts").index(i)
		if c.Who == "" {
			r.miss(contact.at("who"), "is missing: it is us, practice or vendor")
		}
		r.checkMail(contact.at("email"), c.Email)
		if c.Email == "" && c.Phone == "" {
			r.miss(contact, "cannot be reached: give email or phone")
		}
	}
}

func (r *reader) checkMail(at place, address string) {
	if address == "" {
		return
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		r.miss(at, "must be an e-mail address such as desk@practice.example")
	}
}

// isNPI reports whether text is ten digits that pass the Luhn test behind the
// prefix of health identifiers of the United States.
// https://www.cms.gov/regulations-and-guidance/administrative-simplification/nationalprovidentstand/downloads/npicheckdigit.pdf
func isNPI(text string) bool {
	if len(text) != 10 || strings.Trim(text, "0123456789") != "" {
		return false
	}
	sum := 24 // what the prefix 80840 adds
	for i := range text {
		digit := int(text[i] - '0')
		if i%2 == 0 {
			digit *= 2
		}
		sum += digit/10 + digit%10
	}
	return sum%10 == 0
}
