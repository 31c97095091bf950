"""What proves an adapter: fakes that behave, and the promises that every adapter of a port keeps."""
