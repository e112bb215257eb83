package population

// Some of the elderly carry an implanted device.
var devicePart = part{
	level: ofPatient,
	slots: func(c *cursor) int {
		if c.pt.age(c.pt.joined) > 50 && fold(c.pt.h, 0xde)%100 < 14 {
			return 1
		}
		return 0
	},
	life:    func(c *cursor) life { return c.loose(c.joining() + hour) },
	profile: always(usCore + "implantable-device"),
	body:    writeDevice,
}

var implants = []string{
	concept("", coding{snomed, "706004007", "Implantable cardiac pacemaker"}),
	concept("", coding{snomed, "72506001", "Implantable defibrillator"}),
	concept("", coding{snomed, "304121006", "Knee joint prosthesis"}),
}

func writeDevice(c *cursor) {
	made := c.pt.joined - int64(900+c.d.below(2000))*day
	id := 10_000_000_000_000 + int(c.h%9_000_000_000_000)
	lot, serial := int(c.h>>13%1e7), int(c.h>>21%1e9)
	c.lit(`,"udiCarrier":[{"deviceIdentifier":"`)
	c.int(id)
	c.lit(`","carrierHRF":"(01)`)
	c.int(id)
	c.lit(`(10)`)
	c.padded(lot, 7)
	c.lit(`(21)`)
	c.padded(serial, 9)
	c.lit(`"}],"status":"active","distinctIdentifier":"D`)
	c.padded(serial, 9)
	c.lit(`","manufacturer":"Made-up Devices & Co"`)
	c.on("manufactureDate", made)
	c.on("expirationDate", made+12*year)
	c.lit(`,"lotNumber":"`)
	c.padded(lot, 7)
	c.lit(`","serialNumber":"`)
	c.padded(serial, 9)
	c.lit(`","deviceName":[{"name":"Implant `)
	c.int(1 + c.d.below(40))
	c.lit(`","type":"user-friendly-name"}],"modelNumber":"M`)
	c.int(100 + c.d.below(900))
	c.lit(`","type":`)
	c.lit(*pick(&c.d, implants))
	c.subject("patient")
	if c.st.changes > 0 {
		c.correction()
	}
}
