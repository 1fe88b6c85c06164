package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
)

// crictl answers the two calls that kind makes of it in a node: `inspecti IMAGE...` for `kind load`,
// and `images` for `kind export logs`.
func crictl(arguments []string) int {
	if err := answer(arguments); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		return 1
	}
	return 0
}

func answer(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("only `inspecti IMAGE...` and `images` are here")
	}
	logger := klog.Background()
	service, err := remote.NewRemoteImageService("unix:///run/containerd/containerd.sock", 10*time.Second, nil, &logger)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "inspecti":
		return inspect(service, arguments[1:])
	case "images":
		images, err := service.ListImages(context.Background(), nil)
		for _, image := range images {
			fmt.Println(image.Id, image.Size, image.RepoTags, image.RepoDigests)
		}
		return err
	}
	return fmt.Errorf("%s is not here", arguments[0])
}

type imageStatus struct {
	ID          string   `json:"id"`
	RepoTags    []string `json:"repoTags"`
	RepoDigests []string `json:"repoDigests"`
	Size        string   `json:"size"`
}

func inspect(service interface {
	ImageStatus(context.Context, *runtimeapi.ImageSpec, bool) (*runtimeapi.ImageStatusResponse, error)
}, names []string) error {
	for _, name := range names {
		response, err := service.ImageStatus(context.Background(), &runtimeapi.ImageSpec{Image: name}, false)
		if err != nil {
			return err
		}
		if response.Image == nil {
			return fmt.Errorf("no such image: %s", name)
		}
		image := response.Image
		text, err := json.MarshalIndent(map[string]imageStatus{
			"status": {image.Id, image.RepoTags, image.RepoDigests, fmt.Sprint(image.Size)},
		}, "", "  ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}
