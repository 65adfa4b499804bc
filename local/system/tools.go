package system

import (
	"net/http"
	"strings"
)

// ServicesPath is the path, below the API's URL, of the services for people's own
// tools, such as aws and boto3. A service's name follows it. The functions reach the
// same services over the network that can fail; requests here meet no fault.
const ServicesPath = "/_ragtime/services/"

// Service is a service that people's tools can use.
type Service struct{ Name, URL string }

type toolService struct {
	name    string
	base    string // the end of a client's base URL, after the service's path
	handler http.Handler
}

func (s *System) addTool(name, base string, h http.Handler) {
	s.toolServices = append(s.toolServices, toolService{name, base, h})
}

// Services returns the services that tools can use: dynamodb, secretsmanager and
// lambda, and openai if it is the stand-in.
func (s *System) Services() []Service {
	var all []Service
	for _, o := range s.toolServices {
		all = append(all, Service{o.name, s.URL + ServicesPath + o.name + o.base})
	}
	return all
}

// toolHandler returns a handler that serves the services at their paths.
func (s *System) toolHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, ServicesPath), "/")
		for _, o := range s.toolServices {
			if o.name != name {
				continue
			}
			prefix := ServicesPath + name
			if r.URL.Path == prefix { // the client adds no path to its endpoint
				prefix = ""
				r.URL.Path = "/"
				r.URL.RawPath = ""
			}
			http.StripPrefix(prefix, o.handler).ServeHTTP(w, r)
			return
		}
		http.Error(w, "there is no service "+name+" here", http.StatusNotFound)
	})
}
